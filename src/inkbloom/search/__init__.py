"""A sweep: what varies, which trials there were, and the picture of them."""
