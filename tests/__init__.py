"""The tests; they mirror mailbot/, plus servers/ (real ones) and stories/ (whole correspondences)."""
