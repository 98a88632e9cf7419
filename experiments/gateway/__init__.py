"""The long forms of what the gateway promises."""
