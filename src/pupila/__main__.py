"""`python -m pupila` is the command line."""

from pupila.cli.process import run_process

if __name__ == "__main__":
    run_process()
