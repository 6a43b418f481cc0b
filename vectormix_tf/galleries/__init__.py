"""Many results as one product: grids, atlases, sheets of layers."""
