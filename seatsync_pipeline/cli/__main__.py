"""`python -m seatsync_pipeline.cli`, for where the script is not on the PATH."""

from seatsync_pipeline.cli.app import main

main()
