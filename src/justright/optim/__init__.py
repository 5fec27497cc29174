"""What is minimised and how steps are sized: losses with their links, schedules of the rate."""
