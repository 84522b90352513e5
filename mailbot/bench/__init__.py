"""The benchmark: the robot as a process of its own between real servers, beside the bare gpg command, in one run."""
