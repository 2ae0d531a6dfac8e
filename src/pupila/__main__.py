"""`python -m pupila` is the command line."""

from pupila.cli import main

if __name__ == "__main__":
    main()
