"""How good are generated images: a judge's features, distances between sets, and signs of copying, each beside its floor."""
