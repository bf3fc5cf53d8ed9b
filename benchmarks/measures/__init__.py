"""One file per measure: `measure(quick) -> list[Figure]`."""
