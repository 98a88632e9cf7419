"""Values, protocols and errors: what every part of Parcae knows. Imports nothing heavy and nothing from above."""
