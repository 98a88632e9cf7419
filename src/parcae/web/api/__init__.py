"""The read API: what happened, folded from the journal into documents, and the few things that a person may do."""
