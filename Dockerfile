# inkbloom on the CPU, for use without Python on your machine:
#
#   docker build -t inkbloom .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/pictures" inkbloom sample --count 16
#
# The commands are those of docs/install.md, "Without make". They have been run in an empty folder; no image has been built of them
# yet, for want of Docker.
FROM python:3.13-slim

# the small CPU build of PyTorch
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
WORKDIR /inkbloom
COPY . .
RUN python3 -m venv .venv
ENV PATH=/inkbloom/.venv/bin:$PATH
RUN pip install -c constraints.txt .

# whoever runs it has a place for caches, and finds what it wrote in the folder that was mounted
ENV HOME=/tmp
WORKDIR /pictures
ENTRYPOINT ["inkbloom"]
