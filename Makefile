# The project's commands; `make` alone lists them.

# CPU or CUDA libraries: `DEVICE=cuda make setup`. Unset keeps what the last set-up chose, at first the CPU.
export DEVICE

# More arguments for vitest: make test TEST_ARGS=test/runtime
TEST_ARGS ?=

# make bench PYTHON=~/venv/bin/python BENCH_ARGS="--cases resnet-18/32 --precision bfloat16"
PYTHON ?=
BENCH_ARGS ?=

# make data-cifar10 FROM=~/Downloads/cifar-10-binary.tar.gz
FROM ?=

# make train-cifar10 METHOD=rslad STUDENT=mobilenet-v2 BUDGET=subset RUN=runs/mine TRAIN_ARGS="--epochs 3 --limit-train 5000"
METHOD ?= b-mtard
STUDENT ?=
BUDGET ?= full
ATTACKS ?= fgsm,pgd-sat,pgd-trades,cw
CLEAN_TEACHER ?=
ROBUST_TEACHER ?=
RUN ?=
# The budgets' test images.
LIMIT_smoke := --limit 200
LIMIT_subset := --limit 1000
RUN_FOLDER = $(or $(RUN),runs/$*-$(METHOD)-$(if $(STUDENT),$(STUDENT)-)$(BUDGET))
TRAIN_ARGS ?=

MTARD := node dist/cli/main.js

.DEFAULT_GOAL := help
.PHONY: setup demo test lint format bench doctor docs package clean help \
	data-cifar10 data-cifar100 data-tiny-imagenet train-cifar10 train-cifar100 train-tiny-imagenet

setup: ## bring npm packages and native libraries, build (DEVICE=cuda for the GPU); a second run takes seconds
	@node scripts/setup/setup.mjs

demo: setup ## train a student from two teachers on the built-in data set, in minutes, and print its table
	@$(MTARD) demo

test: setup ## run the tests (TEST_ARGS=... for vitest)
	@npm test --silent -- $(TEST_ARGS)

lint: setup ## check formatting, lint, import cycles and types
	npm run --silent format:check
	npm run --silent lint
	npm run --silent typecheck

format: setup ## format every file
	npm run --silent format

bench: setup ## time whole training steps and their parts (PYTHON=an interpreter with torch to compare with; BENCH_ARGS="--quick")
	node scripts/bench/run.mjs $(if $(PYTHON),--python "$(PYTHON)") $(BENCH_ARGS)

doctor: ## say what runs on this machine and what to fix
	@test -f dist/cli/main.js || node scripts/setup/setup.mjs
	@$(MTARD) doctor

data-cifar10 data-cifar100 data-tiny-imagenet: data-%: setup ## fetch, verify and pack a data set (FROM=archive or folder)
	@$(MTARD) data $* $(if $(FROM),--from "$(FROM)")

train-cifar10 train-cifar100 train-tiny-imagenet: train-%: setup ## data, training (or go on), evaluation, page (METHOD, STUDENT, BUDGET, CLEAN_TEACHER, ROBUST_TEACHER, RUN, ATTACKS, FROM, TRAIN_ARGS)
	@$(MTARD) data $* $(if $(FROM),--from "$(FROM)")
	@$(MTARD) train --dataset $* --method $(METHOD) --budget $(BUDGET) $(if $(STUDENT),--student $(STUDENT)) \
		$(if $(CLEAN_TEACHER),--clean-teacher "$(CLEAN_TEACHER)") $(if $(ROBUST_TEACHER),--robust-teacher "$(ROBUST_TEACHER)") \
		--out "$(RUN_FOLDER)" --resume $(TRAIN_ARGS)
	@$(MTARD) evaluate "$(RUN_FOLDER)" --attacks $(ATTACKS) $(LIMIT_$(BUDGET)) --resume
	@$(MTARD) report "$(RUN_FOLDER)"

docs: setup ## write the page of every export, from the doc comments, to docs/api
	npx typedoc

package: setup ## build anew and pack what npm installs: mtard-VERSION.tgz
	rm -rf dist
	npm run --silent build
	chmod +x dist/cli/main.js
	npm pack --silent

clean: ## remove what was built (data, runs, teachers and the cache of native libraries stay)
	rm -rf dist coverage node_modules

help: ## list these commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z].*## / { split($$1, names, ":"); printf "  %-52s %s\n", names[1], $$2 }' $(MAKEFILE_LIST)
