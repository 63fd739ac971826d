"""What a run tells about itself to people: its report, its model card, and the comparison with other runs."""
