"""Projects as ``startproject`` makes them, each with settings of its own."""
