"""One file for each vendor of transcribers and voices."""
