"""What the copied library is used for: small uses of it whose outcome can be compared, each with a maker of cases."""
