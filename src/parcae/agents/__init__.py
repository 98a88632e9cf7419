"""One agent: the loop, its context, its prompts, and the agents that ship with Parcae."""
