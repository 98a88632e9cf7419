"""Contract suites and builders for people who add a Model, Tool, Worker, Journal, Forecaster or Strategy."""
