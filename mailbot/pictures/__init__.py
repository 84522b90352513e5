"""PICTURES: charts become PNG, pages become PDF, each in a short-lived child; nothing of it is loaded by the robot."""
