"""What the API asks of the calls that are up, in one process or in several."""
