"""Running studies: headless or served, interrupted or made again. Nothing here prints."""
