"""What a data file seems to hold: its columns, the task it is for, its language; with the evidence for each guess."""
