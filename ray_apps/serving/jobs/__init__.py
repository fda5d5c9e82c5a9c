"""Jobs for archives: asked for over HTTP, done by the batch job on the same cluster, remembered in a folder."""
