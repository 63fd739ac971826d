"""What a run leaves on the disk: weights files, checkpoints, the run's folder, its log and its lock."""
