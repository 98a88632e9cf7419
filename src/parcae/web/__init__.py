"""The read API, the dashboard and the self-contained pages."""
