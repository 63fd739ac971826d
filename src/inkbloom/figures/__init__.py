"""Arrays in, pictures and films out."""
