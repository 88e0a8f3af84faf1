"""The textures that noise can have; each module declares one, see `attacks.texture`."""
