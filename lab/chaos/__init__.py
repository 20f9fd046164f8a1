"""`make chaos`: faults in the running local stack under load, and the proof that nothing is lost."""
