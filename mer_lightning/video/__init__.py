"""Video before any motion is computed: which frames are used, and small motions made larger."""
