"""python -m napari_segadv.cli: the command line if segadv is not on the PATH."""

from . import main

if __name__ == "__main__":
    main()
