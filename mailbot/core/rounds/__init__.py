"""The ping test: rounds and their probes, what answers are worth, what passing time calls for, the result."""
