"""The command ``aehpo``: all that is printed, is printed here."""
