# Everything here is a short name for a CMake preset or a script; see README.md.
BRIM := build/release/brim
JOBS := $(shell nproc)
# Some tests wait for what they start, rather than compute.
TEST_JOBS := $(shell echo $$(($(JOBS) + 1)))

.PHONY: build install deb rtl synth coverage demo test test-web test-long fuzz bench format lint clean

build:
	@scripts/setup build
	cmake --preset release -DBUILD_TESTING=OFF
	cmake --build --preset release -j $(JOBS) --target brim rtl1

# make install PREFIX=$HOME/.local; DESTDIR=... puts the files below another folder.
PREFIX ?= /usr/local
install: build
	cmake --build --preset release -j $(JOBS) --target program_texts
	cmake --install build/release --strip --prefix $(PREFIX)

deb: build
	@scripts/setup test
	cmake --build --preset release -j $(JOBS) --target program_texts
	cd build/release && cpack -G DEB -B ..

rtl: build
	cmake --build --preset release -j $(JOBS) --target rtl

demo: build
	$(BRIM) pack models/demo --draft models/demo/draft -o build/demo.brim
	$(BRIM) run build/demo.brim -p "ROMEO:" -n 200 --temp 0.8 --top-p 0.9 --seed 7 --show-drafts --spec-draft-n-min 2

test:
	@scripts/setup test
	cmake --preset release -DBUILD_TESTING=ON
	cmake --build --preset release -j $(JOBS)
	ctest --preset release -j $(TEST_JOBS) -LE long

# brim serve with a browser and OpenAI's client, from npm; `make test` skips it where they are not installed.
test-web:
	@scripts/setup web
	cmake --preset release -DBUILD_TESTING=ON
	cmake --build --preset release -j $(JOBS) --target brim
	BRIM_WEB=required ctest --preset release -R '^web_' -LE long --no-tests=error

test-long:
	@scripts/setup all
	cmake --preset release -DBUILD_TESTING=ON
	cmake --preset debug
	cmake --build --preset release -j $(JOBS)
	cmake --build --preset debug -j $(JOBS)
	ctest --preset debug -j $(TEST_JOBS) -LE long
	fuzz/run 600
	ctest --preset release -j $(TEST_JOBS)

# Ten minutes per target; what is found is put into fuzz/seeds.
fuzz:
	@scripts/setup fuzz
	KEEP=1 fuzz/run 600

synth:
	@scripts/setup test
	cmake --preset release -DBUILD_TESTING=ON
	cmake --build --preset release --target brim_pkg
	rtl/synth/synth.py build/release/rtl/brim_pkg.sv --write

# Of the RTL, by its test benches.
COUNTS := $(CURDIR)/build/coverage/counts
coverage:
	@scripts/setup test
	cmake --preset coverage -DBUILD_TESTING=ON
	cmake --build --preset coverage -j $(JOBS)
	rm -rf $(COUNTS)
	mkdir $(COUNTS)
	BRIM_COVERAGE_DIR=$(COUNTS) ctest --test-dir build/coverage/rtl/test -j $(JOBS) --output-on-failure -E '^(rtl|fpga)_'
	rtl/coverage/coverage.py $(COUNTS) --write

bench: build
	$(BRIM) pack synthetic:llama2-7b -o build/7b.brim
	$(BRIM) bench build/7b.brim

format:
	git ls-files '*.h' '*.cc' | xargs clang-format -i

lint:
	@scripts/setup test
	cmake --preset release -DBUILD_TESTING=ON
	scripts/lint all

clean:
	rm -rf build
