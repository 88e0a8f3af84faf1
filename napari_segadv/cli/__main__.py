"""python -m napari_segadv.cli: the command line where segadv is not on the path."""

from . import main

if __name__ == "__main__":
    main()
