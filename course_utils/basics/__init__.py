"""What everything else stands on: profile and seeds, files, checkpoints, processes, command lines."""
