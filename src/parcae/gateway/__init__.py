"""An OpenAI- and Anthropic-compatible server that sees runs where others see requests."""
