"""Thinking: what mail means and what to do about it; no file, clock, chance, network or log."""
