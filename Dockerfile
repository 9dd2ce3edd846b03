# The course in a container:  docker build -t course .  &&  docker run -p 8888:8888 -v course-work:/course/work course
FROM python:3.13-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /course
COPY requirements.txt constraints.txt pyproject.toml ./
COPY course_utils course_utils
# PyTorch without its GPU part saves 5 GB; --build-arg TORCH=cu130 brings that of CUDA 13
ARG TORCH=cpu
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/${TORCH} -r requirements.txt
COPY . .
EXPOSE 8888
CMD ["jupyter", "lab", "--config=.jupyter/jupyter_lab_config.py", "--ip=0.0.0.0", "--no-browser", "--allow-root"]
