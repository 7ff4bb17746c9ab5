"""What starts runs by itself: file drops, the monthly schedule, the failure alert.

What belongs here: deciding that a run is due. What does not: what the run does, which is an asset or a job.
"""
