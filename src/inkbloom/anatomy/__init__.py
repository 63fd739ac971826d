"""What a network is made of, whatever network: layers, shapes, costs, receptive fields, kernels and feature maps."""
