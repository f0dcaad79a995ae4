"""The way out: ``seam`` says what a room may ask, ``client`` speaks HTTP, ``echo`` answers by itself, ``health`` remembers."""
