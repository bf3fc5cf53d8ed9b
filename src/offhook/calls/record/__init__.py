"""The facts of one call, and the documents and messages made of them."""
