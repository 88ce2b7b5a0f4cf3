"""What the demo sends, and to whom: house style, mailings in three languages, ten thousand invented people."""
