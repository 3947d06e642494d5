"""Video: reading frames, sampling them in time, magnifying their motion."""
