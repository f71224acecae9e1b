"""The version of Parley. It stands here, for images hold folders and no installed distribution."""

VERSION = "0.1.0"
