"""`python -m molweight`."""

from molweight.cli import main

if __name__ == "__main__":
    main()
