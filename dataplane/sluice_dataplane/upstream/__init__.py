"""The way out: ``seam`` says what to ask, ``client`` speaks HTTP, ``echo`` answers by itself, ``health`` remembers."""
