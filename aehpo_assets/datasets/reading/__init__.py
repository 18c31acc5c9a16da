"""What turns the files of a data set into frames, and refuses what could be read in two ways."""
