"""The lab: the page that computes convolution and diffusion in the browser, served to this machine or written for any host."""
