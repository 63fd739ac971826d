"""What a user may want to know of this machine: the time to good pictures, and how fast they are drawn."""
