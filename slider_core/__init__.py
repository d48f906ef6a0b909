"""Concept sliders for ComfyUI models: choose targets, train on opposites, apply at any strength."""
